// Asks and prints the answer as it comes.
import { events, post, question } from '../lines.mjs'

const reply = await post('/ai/chat/stream', { message: question })
let isComplete = false
for await (const { data: event } of events(reply)) {
  if (event.type === 'token') process.stdout.write(event.content)
  if (event.type === 'warning' || event.type === 'error') console.error(event.message)
  if (event.type === 'done') isComplete = true
}
// It failed, or the connection ended first: the answer is in the session as far as it came.
if (!isComplete) process.exitCode = 1
