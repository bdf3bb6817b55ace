import { createServer } from 'node:net'
import { MeshError } from '#mesh/errors'

/**
 * A TCP port that is free on every interface now: the one asked for, or any for 0.
 * libp2p opens IPv4 and IPv6 apart and may take a random port for each; discovery wants one number.
 * @throws MeshError `NODE_PORT_IN_USE`
 */
export async function freePort(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', (cause: NodeJS.ErrnoException) => {
      if (cause.code === 'EADDRINUSE') {
        reject(
          new MeshError('NODE_PORT_IN_USE', `port ${port} is taken by another program`, {
            cause,
            detail: { port },
            hint: `Choose another one with --port, or see who has it: ss -ltnp 'sport = :${port}'`,
          }),
        )
      } else if (cause.code === 'EACCES') {
        reject(
          new MeshError('NODE_PORT_IN_USE', `this user may not listen on port ${port}`, {
            cause,
            detail: { port },
            hint: 'Choose a port above 1023 with --port.',
          }),
        )
      } else reject(cause)
    })
    probe.listen({ port, host: '0.0.0.0' }, () => {
      const address = probe.address()
      probe.close(() => resolve(typeof address === 'object' && address !== null ? address.port : port))
    })
  })
}
