/** Time as an argument: `monotonic` for waits and ages, `wall` for what people read. Both in milliseconds. */
export interface Clock {
  monotonic(): number
  wall(): number
}

export const systemClock: Clock = {
  monotonic: () => performance.now(),
  wall: () => Date.now(),
}
