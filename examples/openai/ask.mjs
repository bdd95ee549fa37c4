// A streamed completion without any client library.
import { events, post, question } from '../lines.mjs'

const body = { messages: [{ role: 'user', content: question }], stream: true }
for await (const { data } of events(await post('/v1/chat/completions', body))) {
  if (data?.error) throw new Error(data.error.message)
  process.stdout.write(data?.choices[0].delta.content ?? '')
}
