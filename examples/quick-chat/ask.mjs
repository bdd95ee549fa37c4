// Asks and prints the answer as it comes; `blocks` would be its finished parts as HTML, fit to be put into a page.
import { events, post, question } from '../lines.mjs'

const reply = await post('/api/chat/stream', { message: question })
for await (const { name, data } of events(reply)) {
  if (name === 'message') process.stdout.write(data.content)
  if (name === 'error') console.error(data.error)
  if (name === 'complete' && data.demo) console.error(data.notices[0].message)
}
