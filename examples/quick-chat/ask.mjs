// Asks and prints the answer as it comes; with `format: 'html'` it would be HTML, fit to be put into a page.
import { events, fail, post, question } from '../lines.mjs'

const reply = await post('/api/chat/stream', { message: question })
for await (const { name, data } of events(reply)) {
  if (name === 'message') process.stdout.write(data.content)
  if (name === 'error') fail(data.error)
  if (name === 'complete' && data.demo) console.error(data.notices[0].message)
}
