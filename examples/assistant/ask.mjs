// Asks and prints the answer as it comes.
import { events, fail, post, question } from '../lines.mjs'

const reply = await post('/ai/chat/stream', { message: question })
for await (const { data: event } of events(reply)) {
  if (event.type === 'token') process.stdout.write(event.content)
  if (event.type === 'warning') console.error(event.message)
  if (event.type === 'error') fail(event.message)
}
