// Clients of dialect 1, written from its page alone, with an EventSource as browsers have it.

const { url, token, chats } = JSON.parse(await new Response(process.stdin).text())
const wait = (ms) => new Promise((done) => setTimeout(done, ms))
const until = async (isSo, words) => {
  for (let left = 1500; left; left -= 1) {
    if (await isSo()) return
    await wait(10)
  }
  throw new Error(`not within 15 s: ${words}`)
}

class EventSource {
  constructor(address) {
    Object.assign(this, { address, listeners: {}, lastEventId: '', retry: 50, readyState: 0, opened: 0 })
    this.run()
  }

  addEventListener(name, listener) {
    this.listeners[name] = listener
  }

  close() {
    this.readyState = 2
    this.controller.abort()
  }

  // What a network does to a connection: the browser comes again by itself.
  drop() {
    this.controller.abort()
  }

  async run() {
    while (this.readyState !== 2) {
      this.controller = new AbortController()
      try {
        await this.connect(this.controller.signal)
      } catch (error) {
        if (error.name !== 'AbortError') this.failure = error
      }
      if (this.readyState !== 2) await wait(this.retry)
    }
  }

  async connect(signal) {
    const headers = { Accept: 'text/event-stream', ...(this.lastEventId && { 'Last-Event-ID': this.lastEventId }) }
    const response = await fetch(this.address, { headers, signal })
    if (response.status !== 200) {
      this.readyState = 2
      this.status = response.status
      return
    }
    this.readyState = 1
    this.opened += 1
    let rest = ''
    for await (const text of response.body.pipeThrough(new TextDecoderStream())) {
      const blocks = (rest + text).split('\n\n')
      rest = blocks.pop()
      blocks.forEach((block) => this.dispatch(block.split('\n')))
    }
    this.readyState = 0
  }

  dispatch(lines) {
    const fields = { event: 'message', data: [] }
    for (const line of lines) {
      const [, name, value] = /^([^:]*):? ?(.*)$/.exec(line)
      if (name === 'data') fields.data.push(value)
      else if (name) fields[name] = value
    }
    if ('id' in fields) this.lastEventId = fields.id
    if (fields.data.length) this.listeners[fields.event]?.({ data: fields.data.join('\n'), lastEventId: this.lastEventId })
  }
}

class Client {
  constructor(address) {
    Object.assign(this, { text: '', states: 0, chunks: 0, seen: [], notices: [] })
    this.source = new EventSource(address)
    for (const name of ['state', 'chunk', 'notice', 'saved', 'error', 'end']) {
      this.source.addEventListener(name, (event) => this[name](JSON.parse(event.data)))
    }
  }

  state(data) {
    this.text = data.partialMessage
    this.states += 1
    this.isStreaming = data.isStreaming
  }

  chunk(data) {
    this.text += data.content
    this.chunks += 1
  }

  saved(data) {
    this.seen.push(data)
  }

  notice(data) {
    this.notices.push(data.code)
  }

  error(data) {
    this.failure = data
  }

  end(data) {
    this.ended = data
  }
}

const headers = { 'Content-Type': 'application/json', Authorization: `Bearer ${token}` }
async function call(path, body) {
  const response = await fetch(url + path, { method: body ? 'POST' : 'GET', headers, body: body && JSON.stringify(body) })
  return { status: response.status, body: await response.json() }
}
async function say(chat, message) {
  const { status, body } = await call('/api/messages/addUserMessageStreamingMode', { chatSessionId: chat, message })
  if (status !== 202) throw new Error(`${status} ${JSON.stringify(body)}`)
  return body
}

const told = (client) => ({ ...client, source: undefined, opened: client.source.opened, lastStatus: client.source.status })

async function lateAndDropped() {
  const begun = await say(chats[0], 'Go')
  await wait(150)
  const client = new Client(url + begun.streamUrl)
  for (let drops = 0; drops < 5; drops += 1) {
    const known = client.text.length
    await until(() => client.states > drops && client.text.length > known, 'more text')
    client.source.drop()
  }
  await until(() => client.ended, 'the end')
  client.source.close()
  return told(client)
}

async function missedTheEnd() {
  const begun = await say(chats[1], 'Go')
  const client = new Client(url + begun.streamUrl)
  await until(() => client.chunks, 'some text')
  client.source.retry = 1500
  client.source.drop()
  await until(() => client.ended, 'the end')
  client.source.close()
  return told(client)
}

async function threeAtOnce() {
  const { body: status } = await call(`/api/chat/${chats[2]}/stream/status`)
  const clients = [1, 2, 3].map(() => new Client(url + status.streamUrl))
  await until(() => clients.every((client) => client.states), 'three states')
  const first = clients.map((client) => client.isStreaming)
  const texts = []
  for (const message of ['One', 'Two']) {
    clients.forEach((client) => (client.ended = undefined))
    await say(chats[2], message)
    await until(() => clients.every((client) => client.ended), 'three ends')
    texts.push(clients.map((client) => client.text))
    await until(async () => !(await call(`/api/chat/${chats[2]}/stream/status`)).body.isStreaming, 'it is over')
  }
  clients.forEach((client) => client.source.close())
  return { first, texts, seen: clients[0].seen }
}

async function nineAtOnce() {
  const { body: status } = await call(`/api/chat/${chats[3]}/stream/status`)
  const clients = []
  for (let number = 0; number < 9; number += 1) {
    clients.push(new Client(url + status.streamUrl))
    await until(() => clients[number].states, 'a state')
  }
  await until(() => clients[0].source.readyState === 2, 'the oldest is closed for good')
  const others = clients.slice(1).map((client) => client.source.readyState)
  clients.forEach((client) => client.source.close())
  return { oldest: told(clients[0]), others }
}

const [late, missed, three, nine] = await Promise.all([lateAndDropped(), missedTheEnd(), threeAtOnce(), nineAtOnce()])
console.log(JSON.stringify({ late, missed, three, nine }))
process.exit(0)
