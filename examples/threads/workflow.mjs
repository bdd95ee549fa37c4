// Runs a workflow in a thread: answers each question from the command line, and prints what is said.
import { events, post } from '../lines.mjs'

const [workflow = 'weekly-checkin', ...given] = process.argv.slice(2)
// "skip" leaves out an optional question.
const answers = given.length ? given : ['good', 'The garden', '0', 'skip']
const { BASE, TOKEN } = process.env

const { thread } = await (await post('/chat/threads', { workflow })).json()
const path = `/chat/threads/${thread.id}/messages`
const begun = await fetch(BASE + path, { headers: { Authorization: `Bearer ${TOKEN}` } })
for (const { content } of (await begun.json()).messages) console.log(content)

let status = 'waiting'
for (const answer of answers) {
  let isDone = false
  console.log('>', answer)
  for await (const { data: { type, data } } of events(await post(`${path}/stream`, { content: answer }))) {
    if (type === 'ai_response') process.stdout.write(data.content + (data.isComplete ? '\n' : ''))
    if (type === 'workflow_status') status = data.status
    if (type === 'workflow_complete') console.log('answers:', JSON.stringify(data.slots))
    if (type === 'error') throw new Error(data.error)
    if (type === 'done') isDone = true
  }
  if (!isDone) throw new Error('The connection ended before the answer.')
}
if (status !== 'completed') throw new Error(`It is ${status}, and there are no more answers.`)
