import type { JsonSchema } from '#domain/world.ts'

const MOST_ITEMS = 100
const ANYTHING = { type: ['object', 'array', 'string', 'number', 'boolean', 'null'] }

/**
 * The schema as llama.cpp, and so Ollama, can make a grammar of it: its shape, without what its compiler refuses. One `maxLength` of
 * 2000, one `pattern` within an object, one object with no properties or one `$ref` that is not from the root, and it refuses the whole
 * request (ggml-org/llama.cpp#25746, #25923). The caller holds the answer to the whole schema.
 */
export function grammarSchema(schema: unknown): JsonSchema {
  if (!isObject(schema)) return ANYTHING
  if ('const' in schema) return { const: schema.const }
  if (Array.isArray(schema.enum)) return { enum: schema.enum }
  if (isObject(schema.properties) && Object.keys(schema.properties).length > 0) return objectShape(schema, schema.properties)
  const choices = schema.anyOf ?? schema.oneOf
  if (Array.isArray(choices)) return { anyOf: choices.map(grammarSchema) }
  if (schema.type === 'array') return arrayShape(schema)
  return typeof schema.type === 'string' || Array.isArray(schema.type) ? { type: schema.type } : ANYTHING
}

function objectShape({ required }: JsonSchema, properties: Record<string, unknown>): JsonSchema {
  const shapes = Object.entries(properties).map(([name, value]) => [name, grammarSchema(value)])
  return { type: 'object', properties: Object.fromEntries(shapes), ...(Array.isArray(required) ? { required } : {}) }
}

function arrayShape({ items, minItems, maxItems }: JsonSchema): JsonSchema {
  if (!isObject(items)) return { type: 'array' }
  const bounds = Object.entries({ minItems, maxItems }).filter(([, bound]) => typeof bound === 'number' && bound <= MOST_ITEMS)
  return { type: 'array', items: grammarSchema(items), ...Object.fromEntries(bounds) }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
