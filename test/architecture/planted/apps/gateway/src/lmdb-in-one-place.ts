export { open } from 'lmdb';
