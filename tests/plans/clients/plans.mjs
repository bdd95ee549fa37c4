// A client as dialect 5 describes it: it decodes each chunk by itself, cuts it at line ends, and parses what begins with `data: `.

const { url, token, way } = JSON.parse(await new Response(process.stdin).text())
const headers = { 'Content-Type': 'application/json', Authorization: `Bearer ${token}` }

async function call(method, path, body) {
  const response = await fetch(url + path, { method, headers, body: body && JSON.stringify(body) })
  return { status: response.status, data: await response.json() }
}

// Reads events until `isEnough` says so, and then closes the connection.
async function read(isEnough) {
  const wishes = await call('POST', '/api/plan/inputs', { goals: ['Finish the shelf'], preferences: {} })
  const gone = new AbortController()
  const body = JSON.stringify({ preferenceId: wishes.data.preferenceId })
  const began = performance.now()
  const response = await fetch(`${url}/api/streaming/generate-plan`, { method: 'POST', headers, body, signal: gone.signal })
  const heard = { header: response.headers.get('x-plan-id'), began, events: [] }
  let name = ''
  try {
    for await (const bytes of response.body) {
      for (const line of new TextDecoder().decode(bytes).split('\n')) {
        if (line.startsWith('event: ')) name = line.slice(7)
        if (!line.startsWith('data: ')) continue
        heard.events.push({ name, at: performance.now(), data: JSON.parse(line.slice(6)) })
        if (await isEnough(heard.events.at(-1).data)) gone.abort()
      }
    }
  } catch (error) {
    if (error.name !== 'AbortError') throw error
  }
  return heard
}

async function until(planId, isSo) {
  const began = performance.now()
  for (;;) {
    const { data } = await call('GET', `/api/streaming/status/${planId}`)
    if (isSo(data)) return { data, seconds: (performance.now() - began) / 1000 }
    await new Promise((go) => setTimeout(go, 100))
  }
}

const cancelled = async () => {
  let answer = null
  const heard = await read(async (data) => {
    if (data.weeksCompleted === 2 && !answer) answer = await call('DELETE', `/api/streaming/cancel/${data.planId}`)
    return false
  })
  const again = await call('DELETE', `/api/streaming/cancel/${heard.header}`)
  return { heard, answer, again, state: await call('GET', `/api/streaming/status/${heard.header}`) }
}
const left = async () => {
  const heard = await read((data) => data.partial?.title)
  return { heard, ...(await until(heard.header, (data) => data.status !== 'generating')) }
}
const WAYS = { whole: () => read(() => false), cancelled, left }
console.log(JSON.stringify(await WAYS[way]()))
