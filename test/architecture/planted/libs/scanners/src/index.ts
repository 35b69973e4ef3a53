export const scanners = 1;
