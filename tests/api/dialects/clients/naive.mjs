// A client as the older systems had them: it decodes each chunk by itself, cuts it at line ends, and parses what begins with `data: `.
// With `keeps` it keeps half a line until the next chunk.

const { url, token, dialect, chats, at_once: atOnce, keeps } = JSON.parse(await new Response(process.stdin).text())

const DIALECTS = {
  quick: {
    ask: (chat, text) => ['/api/chat/stream', { chatId: chat, message: text }],
    text: (data) => data.content ?? '',
    ends: (data) => ('status' in data ? data.status : undefined),
    message: (data) => data.messageId,
  },
  threads: {
    ask: (chat, text) => [`/threads/${chat}/messages/stream`, { content: text }],
    text: (event) => (event.type === 'ai_response' ? event.data.content : ''),
    ends: (event) => (event.type === 'done' ? (event.data.success ? 'completed' : 'failed') : undefined),
    message: (event) => event.data.messageId,
  },
  assistant: {
    ask: (chat, text) => ['/ai/chat/stream', { session_id: chat, message: text }],
    text: (event) => (event.type === 'token' ? event.content : ''),
    ends: (event) => (event.type === 'response_saved' ? 'completed' : event.type === 'error' ? 'failed' : undefined),
    message: (event) => event.message_id,
  },
}

async function read(chat) {
  const { ask, text, ends, message } = DIALECTS[dialect]
  const [path, body] = ask(chat, 'Say something long')
  const headers = { 'Content-Type': 'application/json', Authorization: `Bearer ${token}` }
  const response = await fetch(url + path, { method: 'POST', headers, body: JSON.stringify(body) })
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`)
  const heard = { chat, text: '', status: '', message: '', chunks: 0 }
  let rest = ''
  for await (const bytes of response.body) {
    heard.chunks += 1
    const lines = (rest + new TextDecoder().decode(bytes)).split('\n')
    if (keeps) rest = lines.pop()
    for (const line of lines) {
      if (!line.startsWith('data: ')) continue
      const data = JSON.parse(line.slice(6))
      heard.text += text(data)
      const status = ends(data)
      if (status) Object.assign(heard, { status, message: message(data) ?? '' })
    }
  }
  return heard
}

async function worker(waiting, done) {
  for (let chat = waiting.pop(); chat; chat = waiting.pop()) done.push(await read(chat))
}

const done = []
const waiting = [...chats]
await Promise.all(Array.from({ length: atOnce }, () => worker(waiting, done)))
console.log(JSON.stringify(done))
