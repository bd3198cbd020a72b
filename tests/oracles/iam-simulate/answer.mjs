// Asks @cloud-copilot/iam-simulate what Guardline's evaluator is asked. In: one case a line on stdin, with `kind`, `levels`
// (documents by level) and `request`; it is started in the directory where the package was installed. Out: one line a case
// on stdout, `{"decision": "allowed" | "denied"}` or `{"error": …}`. The package is only run, never copied (AGPL).
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'
import { join } from 'node:path'

const { runSimulation, runUnsafeSimulation, anonymousPrincipal } = createRequire(join(process.cwd(), 'package.json'))(
  '@cloud-copilot/iam-simulate',
)

const ACCOUNT = '111122223333'
// A resource of another account: there the resource's policy has to allow by itself, also where it names an account.
const OTHER_ACCOUNT = '999988887777'
// What AWS attaches at every level; only the validating entry point adds it.
const RCP_FULL_ACCESS = {
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Principal: '*', Action: '*', Resource: '*' }],
}
const ANYTHING = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] }

function whoAsks(principal) {
  if (!principal) return `arn:aws:iam::${ACCOUNT}:role/caller`
  if (principal === 'anonymous') return anonymousPrincipal
  return principal.aws ?? principal.service ?? principal.federated ?? principal.canonical_user
}

function simulation({ kind, levels, request }) {
  const named = (documents) => documents.map((policy, index) => ({ name: `p${index}`, policy }))
  const places = (beside = []) =>
    levels.map((documents, index) => ({ orgIdentifier: `l${index}`, policies: named([...beside, ...documents]) }))
  const principal = whoAsks(request.principal)
  const hasIdentity = typeof principal === 'string' && principal.startsWith('arn:')
  const all = hasIdentity ? [{ name: 'anything', policy: ANYTHING }] : []
  const contextVariables = {}
  for (const [key, value] of Object.entries(request.context)) {
    if (!Array.isArray(value) || value.length > 0) contextVariables[key] = value
  }
  const asked = {
    request: {
      principal,
      action: request.action,
      resource: { resource: request.resource, accountId: kind === 'resource' ? OTHER_ACCOUNT : ACCOUNT },
      contextVariables,
    },
    identityPolicies: kind === 'identity' ? named(levels.flat()) : all,
    serviceControlPolicies: kind === 'scp' ? places() : [],
    resourceControlPolicies: kind === 'rcp' ? places([RCP_FULL_ACCESS]) : [],
  }
  if (kind === 'resource') {
    const statements = levels.flat().flatMap((document) => document.Statement)
    asked.resourcePolicy = { ...levels.flat()[0], Statement: statements }
  }
  return asked
}

// Where nothing is validated, requests need not exist; policies of resources are only taken where everything is.
async function decide(asked) {
  if (!asked.resourcePolicy) return runUnsafeSimulation(asked, {})
  const found = await runSimulation(asked, {})
  if (found.resultType === 'error') throw new Error(JSON.stringify(found.errors))
  const ignored = found.result?.ignoredContextKeys ?? []
  if (ignored.length > 0) throw new Error('ignored context keys')
  return found.overallResult
}

for await (const line of createInterface({ input: process.stdin })) {
  let answer
  try {
    const result = await decide(simulation(JSON.parse(line)))
    answer = { decision: result === 'Allowed' ? 'allowed' : 'denied' }
  } catch (error) {
    answer = { error: String(error) }
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`)
}
