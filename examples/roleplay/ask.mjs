// Posts into a new chat and reads the answer from the reply.
import { events, fail, post, question } from '../lines.mjs'

const { thread } = await (await post('/chat/threads', {})).json()
const body = { chatSessionId: thread.id, message: question }
const reply = await post('/api/messages/addUserMessageStreamingMode', body, { Accept: 'text/event-stream' })

for await (const { name, data } of events(reply)) {
  if (name === 'state') process.stdout.write(data.partialMessage)
  if (name === 'chunk') process.stdout.write(data.content)
  if (name === 'error') fail(data.message)
}
