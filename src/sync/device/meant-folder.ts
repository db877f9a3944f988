import { relative, sep } from 'node:path'
import { HarpError } from '../../base/errors.ts'
import type { Folder } from '../folder/folder.ts'
import type { FolderInfo } from './daemon-api.ts'
import type { FolderAnswers } from './folder-answers.ts'
import type { FolderRegistry } from './folder-registry.ts'
import { findFolder } from './name-lookup.ts'

/** Which folder of this device a command means, by what it is called or by a path in it. All throw HarpError. */
export class MeantFolder {
  readonly #registry: FolderRegistry
  readonly #answers: FolderAnswers

  constructor(registry: FolderRegistry, answers: FolderAnswers) {
    this.#registry = registry
    this.#answers = answers
  }

  /** Of all folders, with those that could not be opened. */
  info(text: string): FolderInfo {
    const failed = this.#registry.failed.map((each) => this.#answers.failed(each))
    return findFolder([...this.#registry.all.map((folder) => this.#answers.info(folder)), ...failed], text)
  }

  /** One that can be worked with: not one that could not be opened. */
  open(text: string): Folder {
    const { id, name } = this.info(text)
    const folder = this.#registry.get(id)
    if (folder !== undefined) return folder
    throw new HarpError('SYNC_FOLDER_NOT_READY', `the folder ${name} could not be opened`, {
      fix: 'harp status says why; it is tried again by itself',
      retryable: true,
    })
  }

  /** One that stopped for a fault is opened again, as its user asks for it. */
  async revived(text: string): Promise<Folder> {
    const { id } = this.info(text)
    const folder = this.#registry.get(id)
    if (folder === undefined) for (const opened of this.#registry.openFailed()) opened.start()
    else if (folder.hasFault) (await this.#registry.reopen(folder))?.start()
    return this.open(id)
  }

  /** The readable folder that a path is in, and its names within. */
  around(path: string): { readonly folder: Folder; readonly names: readonly string[] } {
    for (const folder of this.#registry.all) {
      const inside = relative(folder.root, path)
      if (inside === '' || inside.startsWith('..') || inside.startsWith(sep)) continue
      folder.requireKeys()
      return { folder, names: inside.split(sep).map((name) => name.normalize('NFC')) }
    }
    throw new HarpError('SYNC_FOLDER_UNKNOWN', `${path} is in no folder of this device`, {
      fix: 'harp folder list shows the folders',
    })
  }
}
