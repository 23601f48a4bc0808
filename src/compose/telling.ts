// A port whose acts are heard of: whoever keeps something that follows from it need not be called by every part that acts.

type Act = (...args: never[]) => Promise<unknown>

/** The same port; `then` is called after each of `acts` that resolved. */
export function telling<T extends object>(port: T, acts: readonly (keyof T & string)[], then: () => void): T {
  const told = acts.map(name => {
    const act = port[name] as Act
    return [
      name,
      async (...args: never[]) => {
        const answer = await act.apply(port, args)
        then()
        return answer
      },
    ]
  })
  return { ...port, ...(Object.fromEntries(told) as Partial<T>) }
}
