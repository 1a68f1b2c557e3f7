// The search, from a server and from a folder.

import assert from 'node:assert/strict';
import { PAGE, read, test } from './reader.js';

for (const from of ['server', 'folder']) {
    test(`a search finds a term and opens its page (from a ${from})`, () =>
        read('index.html', { from }, async (page) => {
            await page.keyboard.press('/');
            await page.locator('#mdbook-searchbar').pressSequentially('pending buffer');
            const found = page.locator('#mdbook-searchresults a[href*="partial-write.html"]').first();
            await found.click();
            await page.waitForURL(`**/${PAGE}*`);
            assert.match(await page.locator('main h1').textContent(), /pending buffer/);
            assert.ok(await page.locator('main mark').count() > 0, 'the term is not marked');
        }));
}
