export { default } from 'abstract-logging';
