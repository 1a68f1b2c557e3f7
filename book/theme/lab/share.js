// A link holds a script and its options after the `#`, so that opening it runs them. No server sees them.

(() => {
    'use strict';

    const lab = (globalThis.echoLab ??= {});
    const OWN = ['script', 'servers', 'room', 'bug', 'at', 'predict'];

    /** The part of a link after the `#`. `predict` is the step that is to be predicted first, if one is. */
    function toHash({ script, servers, options, room, bug }, moment, predict) {
        const params = new URLSearchParams();
        params.set('script', script.map(({ text, comment }) => (comment ? `${text} # ${comment}\n` : `${text}; `)).join('').replace(/; $/, ''));
        if (servers.join() !== lab.model.STYLES.join()) params.set('servers', servers.join());
        for (const [name, value] of Object.entries(options)) params.set(name, value);
        if (room !== undefined) params.set('room', room);
        if (bug) params.set('bug', bug);
        if (moment) params.set('at', `${moment.step}.${moment.call}`);
        if (predict) params.set('predict', predict);
        return `#${params}`;
    }

    /** What a link says; null if it has no script. */
    function fromHash(hash) {
        const params = new URLSearchParams(hash.slice(1));
        if (!params.has('script')) return null;
        const named = [...params].filter(([name]) => !OWN.includes(name) && /^[a-z-]+$/.test(name));
        const [step, call] = (params.get('at') ?? '').split('.').map(Number);
        return {
            script: lab.script.split(params.get('script')),
            servers: params.get('servers')?.split(',').filter(Boolean) ?? lab.model.STYLES,
            options: Object.fromEntries(named),
            room: params.has('room') ? Number(params.get('room')) : undefined,
            bug: params.get('bug') ?? '',
            predict: Number(params.get('predict')) || null,
            moment: params.has('at') && Number.isInteger(step) ? { step, call: call || 0 } : null,
        };
    }

    // The conditions that are options of all four programs.
    const OPTIONS = ['recv-size', 'high-water', 'max-connections', 'idle-timeout', 'shutdown-timeout'];

    /** A command for a shell, which starts the first of these servers and plays the script on real sockets. */
    function toCommand({ script, servers, options }) {
        const server = servers[0].replace('!', '');
        const small = /^(?:step-)?(\d|first-\w+)$/.exec(server)?.[1];
        const full = server === 'reactor-select' ? 'reactor-echo --reactor=select' : `${lab.model.identify(server).style}-echo`;
        const program = small ? `steps ${small}` : full;
        const given = Object.entries(options).filter(([name]) => !small && OPTIONS.includes(name));
        const words = given.map(([name, value]) => ` --${name}=${value}`).join('');
        const steps = script.map(({ text }) => text).join('; ').replaceAll("'", "'\\''");
        return `echo-client play '${steps}' -- ${program}${words}`;
    }

    lab.share = { toHash, fromHash, toCommand };
})();
