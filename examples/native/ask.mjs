// Begins a chat and prints its answer as it comes.
import { events, fail, post, question } from '../lines.mjs'

const reply = await post('/api/v1/chats', { message: question }, { Accept: 'text/event-stream' })
for await (const { name, data } of events(reply)) {
  if (name === 'delta') process.stdout.write(data.text)
  if (name === 'failed') fail(data.message)
}
