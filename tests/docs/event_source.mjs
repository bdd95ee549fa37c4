// The EventSource of browsers, for a node that has none: enough of it for the examples.

class EventSource extends EventTarget {
  constructor(url) {
    super()
    this.url = url
    this.lastEventId = ''
    this.controller = new AbortController()
    this.run()
  }

  close() {
    this.isClosed = true
    this.controller.abort()
  }

  async run() {
    while (!this.isClosed) {
      try {
        await this.read()
      } catch (error) {
        if (error.name !== 'AbortError') throw error
      }
      await new Promise((done) => setTimeout(done, 100))
    }
  }

  async read() {
    const headers = { Accept: 'text/event-stream', ...(this.lastEventId && { 'Last-Event-ID': this.lastEventId }) }
    const reply = await fetch(this.url, { headers, signal: this.controller.signal })
    if (reply.status !== 200) {
      this.close()
      if (reply.status !== 204) throw new Error(`${this.url} answered ${reply.status}`)
      return
    }
    let rest = ''
    for await (const text of reply.body.pipeThrough(new TextDecoderStream())) {
      const blocks = (rest + text).split('\n\n')
      rest = blocks.pop()
      blocks.forEach((block) => this.dispatch(block))
    }
  }

  dispatch(block) {
    const fields = { event: 'message' }
    for (const line of block.split('\n')) {
      const [, name, value] = /^([^:]*):? ?(.*)$/.exec(line)
      fields[name] = value
    }
    if ('id' in fields) this.lastEventId = fields.id
    if ('data' in fields) this.dispatchEvent(new MessageEvent(fields.event, { data: fields.data, lastEventId: this.lastEventId }))
  }
}

globalThis.EventSource ??= EventSource
