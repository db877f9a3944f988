import { ByteReader } from '../format/byte-reader.ts'
import { ByteWriter } from '../format/byte-writer.ts'
import type { FileContent, Operation, PutFile } from '../format/operation.ts'
import { contentBytes, readContent, writeContent } from '../format/put-codec.ts'
import type { EntryHash, NodeId } from '../ids.ts'

/** What does not fit what is left of a page begins the next one. */
const pageBytes = 64 * 1024
const noBases: readonly EntryHash[] = Object.freeze([])

/**
 * Makes operations small before they are kept: a folder has one for each of its files, for as long as it is open. What a
 * put says of its content is kept as bytes, many in one page, and read when somebody asks; it takes a hundred bytes then
 * instead of six hundred.
 */
export class KeptOperations {
  #page = new Uint8Array(0)
  #used = 0
  /** Directories that puts name as parents, so that each id is kept once. */
  readonly #parents = new Map<NodeId, NodeId>()

  keep(operation: Operation): Operation {
    return operation.type === 'put' ? this.#keepPut(operation) : operation
  }

  #keepPut(put: PutFile): PutFile {
    const { content, bases } = put
    const writer = new ByteWriter(contentBytes + content.manifest.length)
    writeContent(writer, content)
    const bytes = writer.copy()
    if (bytes.length > this.#page.length - this.#used) {
      this.#page = new Uint8Array(Math.max(pageBytes, bytes.length))
      this.#used = 0
    }
    this.#page.set(bytes, this.#used)
    const offset = this.#used
    this.#used += bytes.length
    const place = { node: put.node, parent: this.#parent(put.parent), name: put.name }
    return new KeptPut(place, bases.length === 0 ? noBases : bases, this.#page, offset)
  }

  #parent(id: NodeId): NodeId {
    const known = this.#parents.get(id)
    if (known !== undefined) return known
    this.#parents.set(id, id)
    return id
  }
}

class KeptPut implements PutFile {
  readonly node: NodeId
  readonly parent: NodeId
  readonly name: string
  readonly bases: readonly EntryHash[]
  readonly #page: Uint8Array
  readonly #offset: number

  constructor(
    { node, parent, name }: Pick<PutFile, 'node' | 'parent' | 'name'>,
    bases: readonly EntryHash[],
    page: Uint8Array,
    offset: number,
  ) {
    this.node = node
    this.parent = parent
    this.name = name
    this.bases = bases
    this.#page = page
    this.#offset = offset
  }

  get type(): 'put' {
    return 'put'
  }

  get content(): FileContent {
    return readContent(new ByteReader(this.#page.subarray(this.#offset)))
  }
  /** As it was given: it says nothing of how it is kept. */
  toJSON(): PutFile {
    const { type, node, parent, name, content, bases } = this
    return { type, node, parent, name, content, bases }
  }
}
