// Makes a thread, writes in it, and prints the answer as it comes.
import { events, fail, post, question } from '../lines.mjs'

const { thread } = await (await post('/chat/threads', { title: question })).json()
const reply = await post(`/chat/threads/${thread.id}/messages/stream`, { content: question })

for await (const { data: event } of events(reply)) {
  if (event.type === 'ai_response') process.stdout.write(event.data.content)
  if (event.type === 'error') fail(event.data.error)
}
