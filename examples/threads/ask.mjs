// Makes a thread, writes in it, and prints the answer as it comes.
import { events, post, question } from '../lines.mjs'

const { thread } = await (await post('/chat/threads', { title: question })).json()
const reply = await post(`/chat/threads/${thread.id}/messages/stream`, { content: question })

let done
for await (const { data: event } of events(reply)) {
  if (event.type === 'ai_response') process.stdout.write(event.data.content)
  if (event.type === 'error') console.error(event.data.error)
  if (event.type === 'done') done = event.data
}
// It failed, or the connection ended first: the answer is in the thread as far as it came.
if (!done?.success) process.exitCode = 1
