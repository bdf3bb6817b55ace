/** A picture that two people compare by its name or by its look. */
export interface Emoji {
  readonly symbol: string
  readonly name: string
}

/**
 * 64 pictures, 6 bits each: all from Unicode 9 or older, so that old fonts have them; no two alike, no faces, flags, skin
 * or hands. Names are Unicode's, shortened. The order is part of the protocol: it never changes.
 */
const LIST =
  '🐘 elephant,🐢 turtle,🦉 owl,🐝 bee,🐙 octopus,🦋 butterfly,🐌 snail,🐪 camel,🦀 crab,🐧 penguin,🐳 whale,🐍 snake,🐇 rabbit,🐓 rooster,🕷 spider,🦇 bat,' +
  '🌵 cactus,🍄 mushroom,🌻 sunflower,🌲 evergreen,🍀 clover,🍁 maple leaf,🌽 corn,🥕 carrot,🍌 banana,🍇 grapes,🍒 cherries,🍍 pineapple,🍋 lemon,🧀 cheese,🍞 bread,🥚 egg,' +
  '🚲 bicycle,🚂 locomotive,🚁 helicopter,⛵ sailboat,🚜 tractor,🚀 rocket,⚓ anchor,🏠 house,⛺ tent,🌉 bridge,🌋 volcano,🌙 moon,🌈 rainbow,⚡ lightning,⛄ snowman,🔥 fire,' +
  '🎈 balloon,🎸 guitar,🥁 drum,🎺 trumpet,🎲 die,⚽ football,🏆 trophy,🔑 key,🔨 hammer,🔔 bell,🕯 candle,📎 paperclip,☂ umbrella,👑 crown,🎩 top hat,✂ scissors'

/** See {@link LIST}. */
export const EMOJI: readonly Emoji[] = LIST.split(',').map((entry) => {
  const at = entry.indexOf(' ')
  return { symbol: entry.slice(0, at), name: entry.slice(at + 1) }
})
