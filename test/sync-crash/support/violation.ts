/** Something that must never be: the run ends, its files are kept. */
export class Violation extends Error {
  override readonly name = 'Violation'
}
