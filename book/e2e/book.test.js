// The book, read in a browser. Everything runs in one process, with one server and one browser.

import { after, before } from 'node:test';
import { start, stop } from './reader.js';

before(start);
after(stop);

import './turning.js';
import './searching.js';
import './comparing.js';
import './views.js';
import './glossary.js';
import './answers.js';
import './lab.js';
import './printing.js';
import './themes.js';
import './every-page.js';
