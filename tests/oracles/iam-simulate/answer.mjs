// Asks @cloud-copilot/iam-simulate what Guardline's evaluator is asked. In: a line on stdin for each stack of documents, with
// `kind`, `levels` (documents by level) and `requests`; it is started in the directory where the package was installed.
// Out: a line on stdout for each of them, a list with `{"decision": "allowed" | "denied"}` or `{"error": …}` for each
// request. The package is only run, never copied (AGPL).
//
// Its entry points say what becomes of a request in the end: whether the action exists, whose account it is, what a
// service decides by itself. Here the documents alone are asked about, and many times, so its parts are called one by one.
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'
import { join } from 'node:path'

const installed = join(process.cwd(), 'node_modules/@cloud-copilot/iam-simulate')
const require = createRequire(join(installed, 'package.json'))
const part = (path) => require(join(installed, 'dist/cjs', path))
const { analyzeControlPolicies, analyzeIdentityPolicies, analyzeResourcePolicy } = part(
  'core_engine/CoreSimulatorEngine.js',
)
const { DiscoveryContextKeyConstraints } = part('context_keys/discoveryContextKeyConstraints.js')
const { AwsRequestImpl } = part('request/request.js')
const { RequestContextImpl } = part('requestContext.js')
const { anonymousPrincipal } = part('index.js')
const { loadPolicy } = require('@cloud-copilot/iam-policy')

const HOW = { simulationMode: 'Strict', discoveryContextKeyConstraints: new DiscoveryContextKeyConstraints([]) }
// What AWS attaches at every level and nobody can detach.
const RCP_FULL_ACCESS = {
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Principal: '*', Action: '*', Resource: '*' }],
}

function whoAsks(principal) {
  if (!principal) return 'arn:aws:iam::111122223333:role/caller'
  if (principal === 'anonymous') return anonymousPrincipal
  return principal.aws ?? principal.service ?? principal.federated ?? principal.canonical_user
}

function read({ action, resource, principal, context }) {
  // `*` stands for nothing in particular, where an action acts on nothing; other wildcards ask about many resources at once.
  if (resource !== '*' && resource.includes('*')) throw new Error('a request on a pattern')
  const values = {}
  for (const [key, value] of Object.entries(context)) {
    if (!Array.isArray(value) || value.length > 0) values[key] = value
  }
  const where = { resource, accountId: undefined }
  return new AwsRequestImpl(whoAsks(principal), where, action, new RequestContextImpl(values), resource === '*')
}

// What tells of one request whether the documents let it through.
function guardrail(kind, levels) {
  const loaded = (documents) => documents.map((policy, index) => loadPolicy(policy, { name: `p${index}` }))
  const places = (beside) =>
    levels.map((documents, index) => ({ orgIdentifier: `l${index}`, policies: loaded([...beside, ...documents]) }))
  switch (kind) {
    case 'scp': {
      const all = places([])
      return (request) => analyzeControlPolicies(all, request, HOW, 'scp').result
    }
    case 'rcp': {
      const all = places([RCP_FULL_ACCESS])
      return (request) => analyzeControlPolicies(all, request, HOW, 'rcp').result
    }
    case 'identity': {
      const all = loaded(levels.flat())
      return (request) => analyzeIdentityPolicies(all, request, HOW, 'identity').result
    }
    case 'resource': {
      const statements = levels.flat().flatMap((document) => document.Statement)
      const policy = loadPolicy({ ...levels.flat()[0], Statement: statements }, { name: 'p' })
      return (request) => analyzeResourcePolicy(policy, request, false, HOW).result
    }
    default:
      throw new Error(`no such kind: ${kind}`)
  }
}

// An account that is allowed has its own policies to ask as well, which is not this document's word.
const LETS_THROUGH = ['Allowed', 'AllowedForAccount']

for await (const line of createInterface({ input: process.stdin })) {
  const { kind, levels, requests } = JSON.parse(line)
  let tell
  try {
    tell = guardrail(kind, levels)
  } catch (error) {
    tell = () => {
      throw error
    }
  }
  const answers = requests.map((asked) => {
    try {
      return { decision: LETS_THROUGH.includes(tell(read(asked))) ? 'allowed' : 'denied' }
    } catch (error) {
      return { error: String(error) }
    }
  })
  process.stdout.write(`${JSON.stringify(answers)}\n`)
}
