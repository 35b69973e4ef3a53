export const kafka = 1;
