// Light and dark.

import assert from 'node:assert/strict';
import { PAGE, THEMES, chapters, chooseTheme, read, test } from './reader.js';
import { lowContrasts } from './contrast.js';

const background = (page) => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);

test('the theme is the system\'s until the reader chooses another, which lasts', () =>
    read(PAGE, { colorScheme: 'dark' }, async (page) => {
        const dark = await background(page);
        await chooseTheme(page, 'light');
        const light = await background(page);
        assert.notEqual(light, dark);
        await page.goto(new URL(`../${chapters[0].page}`, page.url()).href);
        assert.equal(await background(page), light);
    }));

// What must be legible, wherever it is. The lab has a test of its own.
const TEXTS = [
    '.pane .style-name', '.pane .line', '.pane .line *', '.pane figcaption',
    '.predict summary', '.predict > p', '.console figcaption', '.console code',
];

// The same for plots, including the drawing for a phone and the folded numbers. What only helps to
// find a value, the grid and the ribbons around a line, can be faint.
const PLOT = {
    texts: ['.plot-title', '.plot svg text', '.plot figcaption', '.plot summary', '.plot details *'],
    shapes: ['.plot .mark', '.plot .bar', '.plot .line', '.plot .whisker'],
};

const plotted = chapters.filter(({ plots }) => plots > 0);

for (const theme of THEMES) {
    test(`panes and sessions are legible in the theme ${theme}`, () =>
        read(PAGE, { theme }, async (page) => {
            for (const text of TEXTS) assert.ok(await page.locator(text).count() > 0, `no ${text}`);
            assert.deepEqual(await page.evaluate(lowContrasts, { texts: TEXTS }), []);
        }));
}

for (const { page: path, plots } of plotted) {
    test(`the plots of ${path} are legible in every theme`, () =>
        read(path, {}, async (page) => {
            assert.equal(await page.locator('main figure.plot').count(), plots);
            for (const theme of THEMES) {
                await chooseTheme(page, theme);
                assert.deepEqual(await page.evaluate(lowContrasts, PLOT), [], theme);
            }
        }));
}
