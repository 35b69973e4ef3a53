export const state_store = 1;
