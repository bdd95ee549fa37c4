// The lines of a streamed answer. A chunk may end anywhere, even within a character: what is left of it waits for the next.
export async function* lines(reply) {
  let rest = ''
  for await (const text of reply.body.pipeThrough(new TextDecoderStream())) {
    const found = (rest + text).split('\n')
    rest = found.pop()
    yield* found
  }
}

// The object of each `data:` line, with the name of its event where there is one.
export async function* events(reply) {
  let name = ''
  for await (const line of lines(reply)) {
    if (line.startsWith('event: ')) name = line.slice(7)
    if (line.startsWith('data: ')) yield { name, data: line.slice(6) === '[DONE]' ? null : JSON.parse(line.slice(6)) }
    if (line === '') name = ''
  }
}

// Sends JSON with the token, and refuses to go on when the server does.
export async function post(path, body, headers = {}) {
  const { BASE, TOKEN } = process.env
  const reply = await fetch(BASE + path, {
    method: 'POST',
    headers: { Authorization: `Bearer ${TOKEN}`, 'Content-Type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })
  if (!reply.ok) throw new Error(`${reply.status}: ${await reply.text()}`)
  return reply
}

// Says why there is no answer, or only a part of one.
export function fail(message) {
  console.error(message)
  process.exitCode = 1
}

export const question = process.argv[2] ?? 'Thank you'
