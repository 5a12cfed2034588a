/** From barely seen to hardly known again. */
export const severities = [1, 2, 3, 4, 5] as const;
