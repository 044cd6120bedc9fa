// Runs a Destination Function as Segment does: with the globals of its runtime, and nothing else of Node.
// node function.mjs FILE CALLS SETTINGS: CALLS is [[handler, event], ...]; prints how each call ended.
import { readFileSync } from "node:fs"
import { createContext, runInContext } from "node:vm"

const [file, calls, settings] = process.argv.slice(2)
const names = ["EventNotSupported", "InvalidEventPayload", "RetryError", "ValidationError"]
const errors = names.map((name) => [name, class extends Error { name = name }])
const runtime = createContext({ fetch, btoa, console, ...Object.fromEntries(errors) })
runInContext(readFileSync(file, "utf8"), runtime)

const ends = []
for (const [handler, event] of JSON.parse(calls)) {
  try {
    await runtime[handler](event, JSON.parse(settings))
    ends.push("ok")
  } catch (error) {
    ends.push(`${error.name}: ${error.message}`)
  }
}
console.log(JSON.stringify(ends))
