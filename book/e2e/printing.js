// On paper.

import assert from 'node:assert/strict';
import { PAGE, STYLES, read, visibleStyles, test } from './reader.js';

async function onPaper(page) {
    await page.emulateMedia({ media: 'print' });
}

test('on paper all answers are open', () =>
    read(PAGE, {}, async (page) => {
        const answers = page.locator('.predict details > :not(summary)');
        assert.ok(await answers.count() > 0);
        assert.ok(await answers.first().isHidden());
        await onPaper(page);
        for (const answer of await answers.all()) assert.ok(await answer.isVisible());
    }));

test('on paper the trace is a table of all its events', () =>
    read(PAGE, {}, async (page) => {
        const trace = page.locator('.trace').first();
        const steps = trace.locator('.trace-scroll tbody');
        assert.ok(await steps.last().isHidden());
        await onPaper(page);
        for (const part of ['desk', 'source', 'open']) assert.ok(await trace.locator(`.lab-${part}`).isHidden(), part);
        for (const step of await steps.all()) assert.ok(await step.isVisible());
        const { whole, shown } = await trace.locator('.trace-scroll').evaluate((element) =>
            ({ whole: element.scrollHeight, shown: element.clientHeight }));
        assert.ok(whole <= shown, 'some events are cut off');
    }));

test('on paper all four styles are shown, whichever was chosen', () =>
    read(PAGE, { viewport: { width: 700, height: 1000 } }, async (page) => {
        const panes = page.locator('.compare').first().locator('.pane');
        assert.deepEqual(await visibleStyles(panes), ['select']);
        await onPaper(page);
        assert.deepEqual(await visibleStyles(panes), STYLES);
        assert.ok(await page.locator('.compare-tabs').first().isHidden());
        assert.ok(await page.locator('#mdbook-sidebar').isHidden());
    }));
