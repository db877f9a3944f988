import { expect, test } from 'vitest'
import type { BodyReceiver, FrontListener, FrontStream } from '../proxy/front-stream.ts'
import { BodyBudget, ControlBody } from './control-body.ts'

/** A request whose body arrives as the test says. */
function request(budget: BodyBudget): {
  body: ControlBody
  gone: () => boolean
  listener: () => FrontListener
  send: (size: number) => void
  end: () => void
} {
  let receiver: BodyReceiver | undefined
  let listener: FrontListener | undefined
  let isGone = false
  const front: Pick<FrontStream, 'setListener' | 'sendContinue' | 'receiveBody' | 'pauseBody'> = {
    setListener: (given) => {
      listener = given
    },
    sendContinue() {},
    receiveBody: (given) => {
      receiver = given
    },
    pauseBody() {},
  }
  const body = new ControlBody(front as FrontStream, budget, () => {
    isGone = true
  })
  return {
    body,
    gone: () => isGone,
    listener: () => listener as FrontListener,
    send: (size) => receiver?.onRequestBody(Buffer.alloc(size)),
    end: () => receiver?.onRequestEnd([]),
  }
}

test('a body is read up to its limit', async () => {
  const one = request(new BodyBudget(100))
  const reading = one.body.read(10)
  one.send(4)
  one.send(6)
  one.end()

  expect(await reading).toHaveLength(10)
})

test('one byte more is refused, and what follows is not kept', async () => {
  const one = request(new BodyBudget(100))
  const reading = one.body.read(10)
  one.send(11)
  one.send(5)
  one.end()

  await expect(reading).rejects.toMatchObject({
    response: { status: 413, body: 'Maximum request body size 10 exceeded.' },
  })
})

test('all bodies together have a limit, and a released one makes room', async () => {
  const budget = new BodyBudget(16)
  const [first, second, third] = [request(budget), request(budget), request(budget)]
  const reading = first.body.read(10)
  first.send(10)
  first.end()
  await reading
  const refused = second.body.read(10)
  second.send(4)
  second.send(4)

  await expect(refused).rejects.toMatchObject({ response: { status: 503 } })

  second.body.release()
  first.body.release()
  first.body.release()
  const whole = third.body.read(16)
  third.send(16)
  third.end()
  expect(await whole).toHaveLength(16)
  expect(budget.take(1)).toBe(false)
})

test('a body that stops arriving is answered with 408', async () => {
  const one = request(new BodyBudget(16))
  const reading = one.body.read(10)
  one.listener().onBodyTimeout()

  await expect(reading).rejects.toMatchObject({ response: { status: 408 } })
})

test('a client that goes away is told of, while its body arrives and later', async () => {
  const one = request(new BodyBudget(16))
  const reading = one.body.read(10)
  one.listener().onClientGone()

  await expect(reading).rejects.toThrow('went away')
  expect(one.gone()).toBe(true)
})
