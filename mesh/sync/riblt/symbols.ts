/** Words of 32 bits in a cell: sum low, sum high, check, count. A coded symbol in memory is such a cell. */
export const CELL_WORDS = 4
/** Symbols in one frame: 840 bytes, which fit one datagram, and a waste of half of it at the end. */
export const BATCH_SYMBOLS = 64
