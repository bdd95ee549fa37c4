// Hears a chat by an EventSource and posts into it, as the roleplay clients do.
import { post, question } from '../lines.mjs'

const { BASE, TOKEN } = process.env
const { thread } = await (await post('/chat/threads', {})).json()
const status = await fetch(`${BASE}/api/chat/${thread.id}/stream/status`, { headers: { Authorization: `Bearer ${TOKEN}` } })
const { streamUrl } = await status.json()

const source = new EventSource(BASE + streamUrl)
let text = ''
let hasPosted = false
source.addEventListener('state', (event) => {
  text = JSON.parse(event.data).partialMessage
  if (!hasPosted) post('/api/messages/addUserMessageStreamingMode', { chatSessionId: thread.id, message: question })
  hasPosted = true
})
source.addEventListener('chunk', (event) => { text += JSON.parse(event.data).content })
source.addEventListener('end', () => {
  // It would stay open for what is written next.
  source.close()
  process.stdout.write(text)
})
