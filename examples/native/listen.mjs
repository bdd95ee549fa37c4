// Begins a chat, and hears its answer by an EventSource, which comes again by itself. In a browser, take BASE and TOKEN from
// your own configuration; the address of the stream carries a ticket, as an EventSource can send no header.
import { fail, post, question } from '../lines.mjs'

const { sent } = await (await post('/api/v1/chats', { message: question })).json()
const source = new EventSource(process.env.BASE + sent.stream_url)

let text = ''
source.addEventListener('snapshot', (event) => { text = JSON.parse(event.data).text })
source.addEventListener('delta', (event) => { text += JSON.parse(event.data).text })
source.addEventListener('notice', (event) => console.error(JSON.parse(event.data).message))
source.addEventListener('failed', (event) => fail(JSON.parse(event.data).message))
source.addEventListener('ended', () => {
  source.close()
  process.stdout.write(text)
})
