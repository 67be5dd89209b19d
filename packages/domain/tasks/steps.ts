import { createHash } from 'node:crypto'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import formats from 'ajv-formats'
import canonicalize from 'canonicalize'
import type { Json, JsonObject } from '#skills/define.ts'
import type { FieldError } from '../problem.ts'
import type { Toolbox } from '../tools.ts'
import type { JsonSchema, Tool } from '../world.ts'
import type { Step } from './schema.ts'

/** SHA-256, in hex, over the RFC 8785 canonical form of the steps: what the person saw is what this names. */
export const actionHash = (steps: readonly Step[]) =>
  createHash('sha256')
    .update(canonicalize(steps) as string)
    .digest('hex')

/** What is wrong with steps that somebody proposes: each path and why; empty when they may run. `refused`: tools beyond the agent's. */
export function checkSteps(steps: readonly Step[], tools: Toolbox, skillId: string | null) {
  const errors: FieldError[] = []
  const refused: string[] = []
  for (const [at, step] of steps.entries()) {
    const tool = tools.get(step.tool)
    const path = `steps.${at}`
    if (!tool || (skillId !== null && step.tool !== skillId)) {
      refused.push(step.tool)
      errors.push({ path: `${path}.tool`, message: `the agent may not use ${JSON.stringify(step.tool)} here` })
    } else if (!tool.sideEffects) {
      errors.push({ path: `${path}.tool`, message: `${step.tool} has no side effects: look it up while planning` })
    } else {
      errors.push(...inputErrors(tool, step.input, 'with references').map((e) => ({ ...e, path: `${path}.input${e.path}` })))
      const references = referencesIn(step.input)
      errors.push(
        ...references
          .flatMap((reference) => referenceError(reference, at) ?? [])
          .map((message) => ({ path: `${path}.input`, message })),
      )
      const objection = errors.length === 0 && references.length === 0 ? tool.objection?.(step.input) : null
      if (objection) errors.push({ path: `${path}.input`, message: objection })
    }
  }
  return { errors, refused }
}

/** What is wrong with an input, by JSON pointer turned to a dotted path (`.text`). */
export function inputErrors(tool: Tool, input: Json, form: 'literal' | 'with references' = 'literal'): FieldError[] {
  let validate: ValidateFunction
  try {
    validate = validator(tool.inputSchema, form)
  } catch (error) {
    return [{ path: '', message: `cannot be checked: the schema of ${tool.name} is not valid (${(error as Error).message})` }]
  }
  if (validate(input)) return []
  const all = validate.errors ?? []
  // Every value may also be a reference: that it is none is no news beside what it should be.
  const plain = all.filter(({ schemaPath, keyword }) => keyword !== 'anyOf' && !NOT_A_REFERENCE.test(schemaPath))
  return (plain.length > 0 ? plain : all).slice(0, 10).map((error) => ({
    path: error.instancePath.replaceAll('/', '.'),
    message: `${error.message ?? 'is not valid'}${error.keyword === 'additionalProperties' ? `: ${error.params.additionalProperty}` : ''}`,
  }))
}

const NOT_A_REFERENCE = /\/anyOf\/0\/(type|required|additionalProperties|properties\/(\$|%24)ref\/\w+)$/

const ajv = formats.default(new Ajv2020({ strict: false, allErrors: false, validateFormats: true }))
const validators = new WeakMap<JsonSchema, Partial<Record<'literal' | 'with references', ValidateFunction>>>()

function validator(schema: JsonSchema, form: 'literal' | 'with references') {
  const known = validators.get(schema) ?? {}
  validators.set(schema, known)
  const made = known[form]
  if (made) return made
  const wanted = form === 'literal' ? bare(schema) : withReferences(bare(schema))
  const validate = ajv.compile(wanted)
  ajv.removeSchema(wanted) // ajv would keep it for good, and tools from outside are listed anew again and again
  known[form] = validate
  return validate
}

/** Without its identity: two tools may carry the same `$id`, and an unknown dialect would be refused. */
const bare = ({ $id: _, $schema: __, ...schema }: JsonSchema) => schema

const REFERENCE = /^steps\.(\d+)\.output((?:\.[^.]+)*)$/

const REFERENCE_SCHEMA = {
  type: 'object',
  properties: { $ref: { type: 'string', pattern: REFERENCE.source } },
  required: ['$ref'],
  additionalProperties: false,
}

/** The same schema, but every value within may also be a reference to the output of an earlier step. */
export function withReferences(schema: JsonSchema, isRoot = true): JsonSchema {
  const out: JsonSchema = { ...schema }
  for (const key of ['properties', 'patternProperties', '$defs', 'definitions']) {
    if (isObject(out[key]))
      out[key] = mapValues(out[key], (value) =>
        withReferences(value as JsonSchema, key !== 'properties' && key !== 'patternProperties'),
      )
  }
  for (const key of ['items', 'additionalProperties']) if (isObject(out[key])) out[key] = withReferences(out[key], false)
  for (const key of ['anyOf', 'oneOf', 'allOf', 'prefixItems']) {
    if (Array.isArray(out[key])) out[key] = out[key].map((value: JsonSchema) => withReferences(value, key !== 'prefixItems'))
  }
  return isRoot ? out : { anyOf: [REFERENCE_SCHEMA, out] }
}

/** The input with every reference replaced by what it names. Throws an Error that says which one names nothing. */
export function resolveReferences(input: JsonObject, outputs: ReadonlyMap<number, Json>): JsonObject {
  return mapReferences(input, (reference) => {
    const [, step, path] = REFERENCE.exec(reference) ?? []
    let value: Json | undefined = outputs.get(Number(step))
    for (const key of (path ?? '').split('.').slice(1))
      value = isObject(value) || Array.isArray(value) ? own(value, key) : undefined
    if (value === undefined) throw new Error(`${reference} names nothing that an earlier step gave`)
    return value
  }) as JsonObject
}

const own = (value: object, key: string) => (Object.hasOwn(value, key) ? (value as Record<string, Json>)[key] : undefined)

function referencesIn(input: JsonObject) {
  const references: string[] = []
  mapReferences(input, (reference) => {
    references.push(reference)
    return null
  })
  return references
}

function referenceError(reference: string, index: number) {
  const step = REFERENCE.exec(reference)?.[1]
  if (step === undefined) return `${JSON.stringify(reference)} is no reference: write steps.<n>.output.<path>`
  return Number(step) < index ? null : `${reference} names no earlier step`
}

function mapReferences(value: Json, replace: (reference: string) => Json): Json {
  if (Array.isArray(value)) return value.map((item) => mapReferences(item, replace))
  if (!isObject(value)) return value
  const [key, ...more] = Object.keys(value)
  if (key === '$ref' && more.length === 0 && typeof value.$ref === 'string') return replace(value.$ref)
  return mapValues(value, (item) => mapReferences(item as Json, replace)) as JsonObject
}

const isObject = (value: unknown): value is Record<string, Json> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const mapValues = <T, R>(object: Record<string, T>, change: (value: T) => R): Record<string, R> =>
  Object.fromEntries(Object.entries(object).map(([key, value]) => [key, change(value)]))
