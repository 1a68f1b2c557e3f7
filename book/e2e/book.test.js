// The book, read in a browser. Everything runs in one process, with one server and one browser.

import { after, before, describe, test } from 'node:test';
import { availableParallelism } from 'node:os';
import { start, stop, tests } from './reader.js';

// The longest first.
import './every-page.js';
import './turning.js';
import './searching.js';
import './comparing.js';
import './views.js';
import './glossary.js';
import './answers.js';
import './lab.js';
import './printing.js';
import './themes.js';

before(start);
after(stop);

describe('the book', { concurrency: availableParallelism() }, () => {
    for (const { name, run } of tests) test(name, run);
});
