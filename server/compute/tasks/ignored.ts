/** Target of a position that isn't scored. */
export const IGNORED = -100;
