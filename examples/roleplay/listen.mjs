// Posts into a chat and hears the answer by an EventSource. Its address names the answer: opened late, it tells all of it.
import { fail, post, question } from '../lines.mjs'

const { thread } = await (await post('/chat/threads', {})).json()
const body = { chatSessionId: thread.id, message: question }
const { streamUrl } = await (await post('/api/messages/addUserMessageStreamingMode', body)).json()

const source = new EventSource(process.env.BASE + streamUrl)
let text = ''
source.addEventListener('state', (event) => { text = JSON.parse(event.data).partialMessage })
source.addEventListener('chunk', (event) => { text += JSON.parse(event.data).content })
source.addEventListener('error', (event) => {
  // Without data the connection was lost, and the EventSource comes again by itself.
  if (event.data) fail(JSON.parse(event.data).message)
})
source.addEventListener('end', () => {
  source.close()
  process.stdout.write(text)
})
