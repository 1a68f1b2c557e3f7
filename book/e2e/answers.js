// Folded answers.

import assert from 'node:assert/strict';
import { PAGE, read, test } from './reader.js';

const question = (page) => page.locator('details.question').first();
const answer = (page) => question(page).locator(':scope > :not(summary)').first();

test('a question unfolds its answer, by mouse and by keyboard', () =>
    read(PAGE, {}, async (page) => {
        assert.ok(await answer(page).isHidden());
        await question(page).locator('summary').click();
        assert.ok(await answer(page).isVisible());
        await page.keyboard.press('Enter');
        assert.ok(await answer(page).isHidden());
    }));

test('on paper the answers to questions are open', () =>
    read(PAGE, {}, async (page) => {
        await page.emulateMedia({ media: 'print' });
        assert.ok(await answer(page).isVisible());
    }));
