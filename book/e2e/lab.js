// The lab: its page, as it is served and from a folder, and the views on the other pages.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { NARROW, PAGE, STEP_2, STYLES, hasFile, read, test } from './reader.js';
import { lowContrasts } from './contrast.js';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const THEMES = ['light', 'rust', 'coal', 'navy', 'ayu'];
const LAB = 'lab.html';

const lab = (page) => page.locator('.lab').first();
const button = (page, act) => lab(page).locator(`.lab-script [data-act="${act}"]`);
const steps = (page) => lab(page).locator('.lab-steps button');
const heading = (page) => lab(page).locator('.lab-moment');
const sentence = (page) => lab(page).locator('.lab-says').textContent();
const link = (page) => lab(page).locator('.lab-share a').getAttribute('href');
const cell = (page, row, style) => lab(page).locator('.lab-matrix tr', { hasText: row }).first()
    .locator(`td[data-style="${style}"]`).textContent();

const shown = (page, count) => page.waitForFunction((count) =>
    document.querySelector('.lab')?.lab?.run?.last === count, count);

// Adds a step with one of the buttons, and waits until its run is shown.
async function act(page, name) {
    const before = await steps(page).count();
    await button(page, name).click();
    await shown(page, before + 1);
}

// Opens the conditions, and what else is below them.
const unfold = (page) => lab(page).locator('.lab-setup > summary').click();

const script = (page) => lab(page).locator('.lab-edit textarea').inputValue().then((text) => text.split('\n'));

test('the lab shows who has answered half a line, before anything is done', () =>
    read(LAB, {}, async (page) => {
        assert.equal(await steps(page).count(), 2);
        for (const style of STYLES) {
            assert.match(await cell(page, 'client 1 has back', style), style === 'chat' ? /^–/ : /^hel/, style);
        }
        assert.match(await cell(page, 'server holds', 'chat'), /hel/);
        assert.match(await sentence(page), /chat holds what isn’t a line yet/);
        assert.equal(await lab(page).locator('tr.different th', { hasText: 'server holds' }).count(), 1);
    }));

test('every action adds its step, and undo takes it back', () =>
    read(LAB, {}, async (page) => {
        for (const [name, step] of [
            ['type', 'send 1 "lo"'], ['line', 'send 1 "lo\\n"'], ['reading', 'stop-reading 1'], ['block', 'send 1 320'],
            ['reading', 'resume-reading 1'], ['half-close', 'half-close 1'], ['client', 'connect 2'], ['reset', 'reset 2'],
            ['wait', 'wait 1s'], ['stop', 'stop'],
        ]) {
            await act(page, name);
            assert.equal((await script(page)).at(-1), step);
        }
        assert.equal(await steps(page).count(), 12);
        assert.match(await cell(page, 'does now', 'select'), /has returned/);
        assert.equal(await button(page, 'stop').getAttribute('aria-disabled'), 'true');
        await button(page, 'undo').click();
        await shown(page, 11);
        assert.equal((await script(page)).at(-1), 'wait 1s');
    }));

test('a client that does not read is paused at the high-water mark, which the conditions move', () =>
    read(LAB, {}, async (page) => {
        await act(page, 'reading');
        await act(page, 'block');
        for (const style of ['select', 'dispatcher', 'reactor']) {
            assert.match(await cell(page, 'server holds', style), /96 B reading paused/, style);
        }
        assert.match(await cell(page, 'watches', 'select'), /not 1 rw/);
        assert.match(await sentence(page), /reactor have paused reading.*chat reads on: a line without its end/);
        // Each pause is told at its call, and so is the end of it.
        const told = () => page.evaluate(() => {
            const { lab } = document.querySelector('.lab');
            return Array.from({ length: lab.run.lengths[lab.run.last] }, (_, call) => {
                lab.go({ step: lab.run.last, call: call + 1 });
                return lab.find('.lab-says').textContent;
            }).join(' ');
        });
        const pauses = await told();
        for (const style of ['select', 'dispatcher', 'reactor']) {
            assert.match(pauses, new RegExp(`${style} stops reading from client 1: it holds 96 B`));
        }
        await act(page, 'reading');
        assert.match(await told(), /select reads from client 1 again: it holds only/);
        await button(page, 'undo').click();
        await shown(page, 4);
        await unfold(page);
        const slider = lab(page).getByRole('slider', { name: 'high-water mark' });
        await slider.focus();
        await page.keyboard.press('End');
        await page.waitForFunction(() => !document.querySelector('.lab-matrix').textContent.includes('paused'));
        assert.match(await slider.getAttribute('aria-valuetext'), /262,144 B/);
        assert.ok(await slider.evaluate((element) => element === document.activeElement));
    }));

test('a moment is a call: buttons, steps, and the score lead to it', () =>
    read(LAB, {}, async (page) => {
        assert.match(await heading(page).textContent(), /^Step 2 of 2 · client 1 sends hel/);
        await lab(page).locator('[data-to="start"]').click();
        assert.match(await heading(page).textContent(), /^Step 0 of 2 · the servers start/);
        await steps(page).first().click();
        assert.match(await heading(page).textContent(), /^Step 1 of 2/);
        await lab(page).locator('[data-to="on"]').click();
        assert.match(await heading(page).textContent(), /^Step 2 of 2.*before the first call/);
        await lab(page).locator('[data-to="on"]').click();
        await lab(page).locator('[data-to="on"]').click();
        assert.match(await cell(page, 'does now', 'select'), /recv 3 B yours/);
        const paper = await lab(page).locator('.lab-paper').boundingBox();
        await page.mouse.click(paper.x + 8, paper.y + 60);
        assert.match(await heading(page).textContent(), /^Step 0 of 2/);
    }));

test('each server shows the line of its call, and a waiting one what decides whom it watches', () =>
    read(LAB, {}, async (page) => {
        const pane = (style) => lab(page).locator(`.lab-panes figure[data-style="${style}"]`);
        await pane('select').locator('.resting').waitFor();
        assert.match(await pane('select').textContent(), /what it watches is decided in/);
        await lab(page).locator('[data-to="back"]').click();
        await lab(page).locator('[data-to="back"]').click();
        await lab(page).locator('[data-to="back"]').click();
        assert.match(await pane('select').locator('.running').textContent(), /recv\(/);
    }));

test('the lab by keyboard: the focus stays, and no key turns the page', () =>
    read(LAB, {}, async (page) => {
        await page.evaluate(() => {
            window.leaks = [];
            document.addEventListener('keydown', (event) => window.leaks.push(event.key));
        });
        // Nothing has the focus.
        const end = await heading(page).textContent();
        await page.keyboard.press('ArrowLeft');
        assert.notEqual(await heading(page).textContent(), end);
        await page.keyboard.press('End');
        assert.equal(await heading(page).textContent(), end);
        await lab(page).locator('[data-to="on"]').focus();
        for (const [key, count] of [['b', 3], ['r', 4], ['n', 5], ['x', 6], ['z', 5], ['1', 5], ['h', 6], ['w', 7], ['q', 8]]) {
            await page.keyboard.press(key);
            await shown(page, count);
        }
        assert.deepEqual((await script(page)).slice(2), ['send 1 320', 'stop-reading 1', 'connect 2', 'half-close 1', 'wait 1s', 'stop']);
        for (const [key, says] of [['Home', /^Step 0/], ['ArrowDown', /^Step 1/], ['ArrowRight', /^Step 2.*before/], ['ArrowLeft', /^Step 1/], ['Shift+ArrowRight', /^Step 2/], ['ArrowUp', /^Step 1/], ['End', /^Step 8/]]) {
            await page.keyboard.press(key);
            assert.match(await heading(page).textContent(), says, key);
        }
        assert.equal(await page.evaluate(() => document.activeElement.dataset.to), 'on');
        // Keys in quick succession, a chip that goes away, and a click on nothing.
        for (const key of 'zwww') await lab(page).locator('[data-to="on"]').evaluate((on, key) =>
            on.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true })), key);
        await shown(page, 10);
        await steps(page).last().focus();
        await page.keyboard.press('z');
        await shown(page, 9);
        await page.keyboard.press('ArrowLeft');
        await lab(page).locator('.lab-legend').click();
        await page.keyboard.press('ArrowLeft');
        assert.deepEqual(await page.evaluate(() => window.leaks.filter((key) => key !== 'Shift')), []);
        assert.ok(page.url().includes(LAB));
    }));

test('a text is typed and sent without a mouse', () =>
    read(LAB, {}, async (page) => {
        await lab(page).locator('[data-to="on"]').focus();
        await page.keyboard.press('t');
        await page.keyboard.type('b"\\é');
        await page.keyboard.press('Enter');
        await shown(page, 3);
        assert.equal((await script(page)).at(-1), 'send 1 "b\\"\\\\\\xc3\\xa9\\n"');
        assert.equal(await page.evaluate(() => document.activeElement.id), 'lab-text');
        await page.keyboard.press('ArrowRight');
        assert.ok(page.url().includes(LAB));
    }));

test('a prediction hides what comes, is committed, and is compared', () =>
    read(LAB, {}, async (page) => {
        await lab(page).locator('.lab-predicting input').check();
        const prediction = lab(page).locator('.lab-predict');
        assert.equal(await lab(page).locator('.lab-paper .veil').count(), 1);
        await lab(page).locator('[data-to="end"]').click();
        assert.match(await heading(page).textContent(), /^Step 0/);
        // Nothing is chosen for the reader.
        await prediction.getByRole('button', { name: 'That’s my prediction' }).click();
        assert.match(await heading(page).textContent(), /^Step 0/);
        await steps(page).nth(1).click();
        assert.match(await heading(page).textContent(), /^Step 1/);
        assert.match(await prediction.textContent(), /Step 2: .*get back/);
        for (const guess of await prediction.locator('select').all()) await guess.selectOption('all');
        await prediction.getByRole('button', { name: 'That’s my prediction' }).click();
        assert.match(await prediction.textContent(), /3 of 4 as you said/);
        assert.match(await link(page), /predict=2$/); // Whoever opens it gets the same question.
        assert.match(await prediction.locator('.lab-wrong').textContent(), /chat: nothing/);
        assert.match(await heading(page).textContent(), /^Step 2/);
        assert.match(await sentence(page), /chat holds what isn’t a line yet/);
        assert.equal(await lab(page).locator('.lab-paper .veil').count(), 0);
        await steps(page).first().click();
        assert.equal(await lab(page).locator('.lab-paper .veil').count(), 1);
        assert.match(await prediction.textContent(), /Step 2: /);
    }));

test('a command plays the script on real sockets', () =>
    read(LAB, {}, async (page) => {
        const command = lab(page).locator('.lab-share code');
        assert.match(await command.textContent(), /^echo-client play 'connect 1; send 1 "hel"' -- select-echo --high-water=64 --recv-size=32$/);
        await button(page, 'wait').click();
        await shown(page, 3);
        assert.match(await command.textContent(), /^echo-client play 'connect 1; send 1 "hel"; wait 1s' -- select-echo --high-water=64/);
        await lab(page).getByRole('button', { name: 'Copy command' }).click();
        await lab(page).getByRole('button', { name: 'Copied' }).waitFor();
    }));

test('a link can start with a prediction', () =>
    read(`${LAB}#script=${encodeURIComponent('connect 1\nsend 1 "a"\nsend 1 "b\\n"')}&predict=3`, {}, async (page) => {
        await shown(page, 3);
        assert.ok(await lab(page).locator('.lab-predicting input').isChecked());
        assert.match(await heading(page).textContent(), /^Step 2 of 3/);
        assert.match(await lab(page).locator('.lab-predict').textContent(), /Step 3: .*get back/);
        assert.match(await link(page), /predict=3$/);
        await lab(page).locator('.lab-predicting input').uncheck();
        assert.doesNotMatch(await link(page), /predict/);
    }));

test('a link opens what its script shows, at its moment', () =>
    read(LAB, {}, async (page) => {
        await act(page, 'line');
        await lab(page).locator('[data-to="back"]').click();
        const [hash, says] = [await link(page), await heading(page).textContent()];
        await page.goto('about:blank');
        await page.goBack();
        await shown(page, 3); // The address has it.
        await page.goto(new URL(hash, page.url()).href);
        await page.reload();
        await shown(page, 3);
        assert.equal(await heading(page).textContent(), says);
        assert.equal((await script(page)).at(-1), 'send 1 "lo\\n"');
    }));

test('a bad script says where it is bad, and what was shown stays', () =>
    read(`${LAB}#script=${encodeURIComponent('connect 1; send 1 "a"')}`, {}, async (page) => {
        await shown(page, 2);
        await lab(page).locator('.lab-edit summary').click();
        const text = lab(page).locator('textarea');
        // The browser logs a refused request as an error, which is what it is for.
        await text.fill('connect 1\n# a letter\nsed 1 "a"');
        const problem = lab(page).locator('#lab-edit-problem');
        await problem.waitFor();
        assert.match(await problem.textContent(), /^Line 3, column 1: found .*sed/);
        assert.equal(await problem.locator('mark').textContent(), 'sed');
        assert.equal(await text.inputValue(), 'connect 1\n# a letter\nsed 1 "a"');
        assert.equal(await steps(page).count(), 2);
        await text.fill('connect 1\nsend 1 "b"  # a letter\nstop');
        await shown(page, 3);
        assert.ok(await problem.isHidden());
        assert.match(await steps(page).nth(1).textContent(), /a letter/);
    }, { allows: /422/ }));

test('other servers can be chosen, and each has a stave and a column', () =>
    read(LAB, {}, async (page) => {
        await unfold(page);
        await lab(page).locator('.lab-choose summary').click();
        await lab(page).locator('[data-server="chat"]').uncheck();
        await lab(page).locator('[data-server="step-2"]').check();
        await page.waitForFunction(() => document.querySelectorAll('.lab-matrix thead th').length === 4
            && document.querySelector('.lab-matrix thead').textContent.includes('step 2'));
        assert.equal(await lab(page).locator('.lab-names > div').count(), 4);
        assert.match(await link(page), /servers=select%2Cdispatcher%2Creactor%2Cstep-2/);
    }));

test('a run of a page is a start', () =>
    read(LAB, {}, async (page) => {
        await lab(page).locator('.lab-starts').selectOption({ label: 'slow reader' });
        await shown(page, 3); // Without what ends it.
        assert.match(await heading(page).textContent(), /^Step 2 of 3 · client 1 sends eight lines/);
        assert.equal(await button(page, 'line').getAttribute('aria-disabled'), 'false');
        await lab(page).locator('.lab-starts').selectOption({ label: 'out of descriptors' });
        await shown(page, 5);
        assert.equal(await lab(page).locator('[data-condition="room"]').inputValue(), '1');
        await steps(page).nth(1).click();
        lab(page).locator('[data-client="2"]').click();
        await page.waitForFunction(() => document.querySelector('.lab-matrix').textContent.includes('not accepted yet'));
    }));

test('a script of a thousand steps stays usable', () =>
    read(LAB, {}, async (page) => {
        const lines = ['connect 1', ...Array.from({ length: 998 }, (_, index) => `send 1 "line ${index}\\n"`), 'stop'];
        await lab(page).locator('.lab-edit summary').click();
        await lab(page).locator('textarea').fill(lines.join('\n'));
        await shown(page, 1000);
        assert.ok(await page.evaluate(() => document.querySelectorAll('.lab *').length) < 5000);
        await lab(page).locator('[data-to="back"]').click();
        await lab(page).locator('.lab-roll').evaluate((roll) => (roll.scrollLeft = 0));
        await lab(page).locator('.lab-paper .says, .lab-paper .number', { hasText: '1' }).first().waitFor();
    }));

test('on a phone the lab fits, and one source is shown at a time', () =>
    read(LAB, { viewport: NARROW }, async (page) => {
        assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), NARROW.width);
        const panes = lab(page).locator('.lab-panes figure:visible');
        assert.equal(await panes.count(), 1);
        await lab(page).locator('.lab-tabs button[data-style="chat"]').click();
        assert.equal(await panes.getAttribute('data-style'), 'chat');
        assert.equal(await page.evaluate(() => document.activeElement.dataset.style), 'chat');
        const columns = await lab(page).locator('.lab-matrix thead th').evaluateAll((heads) =>
            heads.map((head) => head.getBoundingClientRect().top));
        assert.equal(new Set(columns).size, 1);
        const ends = await lab(page).locator(':is(input, select, button):visible').evaluateAll((controls) =>
            controls.map((control) => control.getBoundingClientRect().right));
        assert.ok(Math.max(...ends) <= NARROW.width, `${ends}`);
    }));

test('on a phone the step that is shown is visible among many', () =>
    read(`${LAB}#script=${encodeURIComponent('connect 1' + '; send 1 "hello"'.repeat(40))}`, { viewport: NARROW }, async (page) => {
        await shown(page, 41);
        const isVisible = () => steps(page).locator('css=:scope[aria-current]').evaluate((chip) => {
            const [own, list] = [chip, chip.closest('.lab-steps')].map((element) => element.getBoundingClientRect());
            return own.top >= list.top && own.bottom <= list.bottom;
        });
        assert.ok(await isVisible());
        await lab(page).locator('[data-to="start"]').click();
        await lab(page).locator('[data-to="on"]').press('ArrowDown');
        assert.match(await heading(page).textContent(), /^Step 1/);
        assert.ok(await isVisible());
    }));

test('on a phone the table of bugs needs no scrolling', () =>
    read('break-it.html', { viewport: NARROW }, async (page) => {
        const [needed, given] = await page.locator('figure.bugs').evaluate(({ scrollWidth, clientWidth }) => [scrollWidth, clientWidth]);
        assert.ok(needed <= given, `${needed} of ${given}`);
    }));

test('without script the lab is a table of all events', () =>
    read(LAB, { javaScriptEnabled: false }, async (page) => {
        assert.ok(await lab(page).locator('.trace-scroll table').isVisible());
        assert.equal(await lab(page).locator('button').count(), 0);
    }));

test('a published bug is found: its call, its rule, and its line beside the right one', () =>
    read(LAB, {}, async (page) => {
        await act(page, 'line');
        const own = await script(page);
        await unfold(page);
        const broken = lab(page).locator('.lab-break');
        await broken.locator('[data-bug]').selectOption('tail-lost-at-half-close');
        await broken.locator('.lab-verdict').waitFor();
        assert.match(await broken.textContent(), /buggy select breaks the rule nothing is lost/);
        assert.match(await broken.locator('.lab-right').textContent(), /is_empty\(\)/);
        await broken.getByRole('button', { name: 'Go to that call' }).click();
        assert.equal(await lab(page).locator('.lab-paper .violation').count(), 1);
        assert.match(await sentence(page), /buggy select breaks the contract with this call/);
        assert.match(await lab(page).locator('.lab-panes .buggy').first().textContent(), /PeerClosed => Lifecycle::Closed/);
        await broken.locator('[data-bug-style]').selectOption('chat');
        await page.waitForFunction(() => document.querySelector('.lab-matrix thead').textContent.includes('buggy chat'));
        // A script that doesn't show it.
        await button(page, 'undo').click();
        await button(page, 'undo').click();
        for (let time = 0; time < 3; time++) await button(page, 'undo').click();
        await broken.getByRole('button', { name: 'Use one that does' }).click();
        await broken.locator('.lab-verdict').waitFor();
        await broken.locator('[data-bug]').selectOption('');
        await page.waitForFunction(() => document.querySelectorAll('.lab-matrix thead th').length === 4);
        assert.deepEqual(await script(page), own);
    }));

test('a link to a run with a bug opens with the bug chosen', () =>
    read(LAB, {}, async (page) => {
        await unfold(page);
        const broken = lab(page).locator('.lab-break');
        await broken.locator('[data-bug]').selectOption('tail-lost-at-half-close');
        await broken.getByRole('button', { name: 'Go to that call' }).click();
        const shared = new URL(await link(page), page.url()).href;
        await page.goto('about:blank');
        await page.goto(shared);
        await broken.locator('.lab-verdict').waitFor();
        assert.equal(await broken.locator('[data-bug]').inputValue(), 'tail-lost-at-half-close');
        assert.match(await lab(page).locator('.lab-panes .buggy').first().textContent(), /PeerClosed => Lifecycle::Closed/);
    }));

test('each bug of the catalogue leads to its run in the lab', () =>
    read('break-it.html', {}, async (page) => {
        const link = page.getByRole('link', { name: 'Run it in the lab' }).first();
        const name = (await link.getAttribute('href')).split('bug=')[1];
        await link.click();
        await lab(page).locator('.lab-break .lab-verdict').waitFor();
        assert.equal(await lab(page).locator('.lab-break [data-bug]').inputValue(), name);
        assert.match(await lab(page).locator('.lab-matrix thead').textContent(), /buggy/);
    }));

test('on real sockets every client gets the same', () =>
    read(LAB, {}, async (page) => {
        await act(page, 'line');
        await lab(page).getByRole('button', { name: 'Run it on real sockets' }).click();
        const result = lab(page).locator('.lab-real [role="status"]');
        await result.locator('table').waitFor({ timeout: 200_000 });
        assert.match(await result.textContent(), /Every client gets the same/);
        assert.equal(await result.locator('tbody tr').count(), 4);
        // Another run says what it does, and a second click stops it.
        const saw = await page.evaluate(() => {
            const [root] = document.querySelectorAll('.lab-real'), button = root.querySelector('button');
            button.click();
            const saw = [root.querySelector('[role="status"]').textContent, button.textContent];
            button.click();
            return saw;
        });
        assert.deepEqual(saw, ['Building the servers …', 'Stop']);
        await result.getByText('Stopped.').waitFor();
        await lab(page).getByRole('button', { name: 'Run it on real sockets' }).waitFor();
    }));

test('a server is graded: what the checker saw, where that is explained, and an end before the end', () =>
    read(LAB, {}, async (page) => {
        const grade = lab(page).locator('.lab-grade'), status = grade.locator('[role="status"]');
        const rows = grade.locator('tbody tr');
        await grade.getByLabel('Command').fill(STEP_2);
        await grade.getByRole('button', { name: 'Grade it' }).click();
        await rows.first().waitFor({ timeout: 200_000 });
        assert.match(await status.textContent(), /The checker runs: \d+ passed, \d+ failed/);
        await grade.getByRole('button', { name: 'Stop' }).click();
        await grade.getByText(/^Stopped: \d+ passed/).waitFor();
        // The checker ends soon after that, and until then no other server is graded.
        const begun = grade.locator('tbody tr, .lab-problem').first();
        for (let times = 0; times < 100 && (times === 0 || await rows.count() === 0); times++) {
            await grade.getByRole('button', { name: 'Grade it' }).click();
            await begun.waitFor({ timeout: 200_000 });
        }
        await grade.getByText(/^\d+ passed, \d+ failed, \d+ skipped\.$/).waitFor({ timeout: 200_000 });
        assert.match(await status.textContent(), /^[1-9]\d* passed, [1-9]\d* failed/);
        assert.ok((await rows.locator('td:last-child').allTextContents()).every((saw) => saw.trim()));
        const failed = grade.locator('tr.lab-fail', { hasText: 'half-close-flushes' });
        assert.match(await failed.textContent(), /bytes came before the end.*Why it matters/s);
        assert.equal(await failed.getByRole('link', { name: 'Why it matters' }).getAttribute('href'), 'concepts/half-close.html');
        await failed.getByRole('link', { name: 'half-close-flushes' }).click();
        await page.waitForURL(/cases\.html#case-half-close-flushes$/);
        assert.match(await page.locator(':target').textContent(), /all pending output at the half-close arrives/);
    }, { allows: /503/ }));

test('from a folder the lab runs as WebAssembly, or says what is missing', () =>
    read(LAB, { from: 'folder' }, async (page) => {
        if (!hasFile('lab-wasm.js')) {
            await button(page, 'line').click();
            await lab(page).locator('.lab-problem', { hasText: 'built without the engine' }).waitFor();
            assert.equal(await steps(page).count(), 2);
            return;
        }
        await act(page, 'line');
        assert.match(await cell(page, 'client 1 has back', 'chat'), /hello↵/);
        await act(page, 'stop');
        await lab(page).locator('.lab-panes .resting').first().waitFor();
    }, { allows: /lab-wasm|ERR_FILE_NOT_FOUND/ }));

test('a link works from a folder, too', () =>
    read(`${LAB}#script=${encodeURIComponent('connect 1\nsend 1 "a\\n"\nsend 1 "b"')}&at=2.0`, { from: 'folder' }, async (page) => {
        if (!hasFile('lab-wasm.js')) return;
        await shown(page, 3);
        assert.match(await heading(page).textContent(), /^Step 2 of 3 · client 1 sends a↵before the first call/);
    }, { allows: /lab-wasm|ERR_FILE_NOT_FOUND/ }));

test('from key press to redrawn page', (context) =>
    read(LAB, {}, async (page) => {
        for (const name of ['line', 'reading', 'block', 'reading', 'half-close', 'client', 'line', 'wait']) await act(page, name);
        const times = await page.evaluate(async () => {
            const root = document.querySelector('.lab');
            // Until the next frame is painted.
            const press = (key) => new Promise((resolve) => {
                const start = performance.now();
                const painted = new MessageChannel();
                painted.port1.onmessage = () => resolve(performance.now() - start);
                root.addEventListener('lab-shown', () => requestAnimationFrame(() => painted.port2.postMessage('')), { once: true });
                root.querySelector('[data-to]').dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
            });
            const move = (key) => {
                const start = performance.now();
                root.querySelector('[data-to]').dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
                return performance.now() - start;
            };
            const median = (values) => values.sort((one, other) => one - other)[values.length >> 1];
            const runs = [], moves = [];
            for (let time = 0; time < 10; time++) runs.push(await press('w'), await press('z'));
            for (let time = 0; time < 30; time++) moves.push(move('ArrowLeft'));
            return { run: median(runs), move: median(moves) };
        });
        context.diagnostic(`a step is run and painted within ${times.run.toFixed(0)} ms, and a moment is drawn within ${times.move.toFixed(1)} ms (medians)`);
        assert.match(await heading(page).textContent(), /^Step \d+ of 10/);
    }));

for (const theme of THEMES) {
    test(`the lab is accessible and legible in the theme ${theme}`, () =>
        read(LAB, { theme }, async (page) => {
            await act(page, 'reading');
            await act(page, 'block');
            await lab(page).locator('[data-to="back"]').click();
            await lab(page).locator('.lab-panes .running').first().waitFor();
            await page.evaluate(() => document.querySelectorAll('.lab details').forEach((part) => (part.open = true)));
            await page.evaluate(AXE);
            const { violations } = await page.evaluate(() => axe.run('.lab'));
            assert.deepEqual(violations.flatMap(({ id, nodes }) => nodes.map(({ target }) => `${id}: ${target}`)), []);
            const texts = ['.lab-moment *', '.lab-steps button', '.lab-bar span', '.lab-matrix b', '.lab-matrix small', '.lab-says',
                '.lab-says *', '.lab-panes .running *', '.lab-panes figcaption *', '.lab-watched span', '.lab-paper .says'];
            assert.deepEqual(await page.evaluate(lowContrasts, { texts }), []);
        }));
}

test('a page\'s view shows its run, and opens it in the lab', () =>
    read(PAGE, {}, async (page) => {
        assert.match(await heading(page).textContent(), /^Step 2 of 5 · client 1 sends eight lines/);
        assert.match(await cell(page, 'server holds', 'select'), /reading paused/);
        await lab(page).locator('.lab-panes .resting, .lab-panes .running').first().waitFor();
        await lab(page).locator('[data-to="on"]').focus();
        await page.keyboard.press('ArrowRight');
        assert.ok(page.url().endsWith(PAGE));
        await lab(page).locator('.lab-open a').click();
        await page.waitForURL(/lab\.html#/);
        await shown(page, 5);
        assert.match(await heading(page).textContent(), /^Step 3 of 5 · client 1 reads.*before/);
        assert.match(await cell(page, 'client 1 has back', 'select'), /of 128 B/);
    }));

test('a server that reads no more because it stops has not paused', () =>
    read('concepts/restart.html', {}, async (page) => {
        await page.waitForFunction(() => document.querySelector('.lab.trace')?.lab?.run);
        assert.match(await page.locator('.lab-matrix caption').first().textContent(), /bytes of client 2/);
        const sentences = await page.evaluate(() => {
            const root = document.querySelector('.lab.trace'), view = root.lab, said = new Set();
            for (view.client of view.run.clients) {
                view.run.lengths.forEach((length, step) => {
                    for (let call = 0; call <= length; call++) {
                        view.go({ step, call });
                        said.add(root.querySelector('.lab-says').textContent);
                    }
                });
            }
            return [...said];
        });
        assert.ok(sentences.length > 3);
        assert.deepEqual(sentences.filter((text) => text.includes('high-water')), []);
    }));

test('a question of a page leads to the run that shows its answer', () =>
    read(PAGE, {}, async (page) => {
        const question = page.locator('.predict').first();
        await question.locator('summary').click();
        await question.getByRole('link', { name: 'Watch it in a run' }).click();
        assert.match(page.url(), /#run$/);
        assert.equal(await lab(page).getAttribute('id'), 'run');
    }));

test('the page of the whole book starts a view when it comes near', () =>
    read('print.html', {}, async (page) => {
        const last = page.locator('.lab').last();
        assert.equal(await last.locator('.lab-score').count(), 0);
        await last.scrollIntoViewIfNeeded();
        await last.locator('.lab-paper svg').waitFor();
    }));
