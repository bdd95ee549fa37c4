// Says what the plan is for, and shows it week by week while it is written.
import { events, post } from '../lines.mjs'

const kept = await (await post('/api/plan/inputs', { goals: [process.argv[2] ?? 'Learn to row'] })).json()
let weeks = 0
for await (const { name, data } of events(await post('/api/streaming/generate-plan', kept))) {
  if (name === 'progress' && data.weeksCompleted > weeks) {
    weeks = data.weeksCompleted
    console.log(`Week ${weeks} of ${data.weeksTotal}`)
  }
  if (name === 'complete') console.log(data.plan.title)
  if (name === 'error') throw new Error(data.message)
}
