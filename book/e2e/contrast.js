// The contrast between text and what it stands on, as the Web Content Accessibility Guidelines count.

/**
 * Those elements, of those that the selectors name, whose text has a contrast below 4.5:1. This runs
 * in the page, so all that it needs stands in it.
 */
export function lowContrasts(selectors) {
    const canvas = Object.assign(document.createElement('canvas'), { width: 1, height: 1 });
    const paint = canvas.getContext('2d', { willReadFrequently: true });

    // Red, green and blue of the layers, painted one over the other on the white of an empty window.
    function mixed(layers) {
        paint.globalAlpha = 1;
        for (const { color, opacity } of [{ color: 'white', opacity: 1 }, ...layers]) {
            paint.globalAlpha = opacity;
            paint.fillStyle = color;
            paint.fillRect(0, 0, 1, 1);
        }
        return [...paint.getImageData(0, 0, 1, 1).data].slice(0, 3);
    }

    function luminance(rgb) {
        const [red, green, blue] = rgb
            .map((part) => part / 255)
            .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    }

    function contrast(element) {
        const layers = [];
        let opacity = 1;
        for (let at = element; at; at = at.parentElement) {
            const style = getComputedStyle(at);
            layers.unshift({ color: style.backgroundColor, opacity: 1 });
            opacity *= style.opacity;
        }
        const { color, fill } = getComputedStyle(element);
        const text = { color: element instanceof SVGElement ? fill : color, opacity };
        const [one, other] = [mixed(layers), mixed([...layers, text])].map(luminance);
        return (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    }

    const hasText = (element) =>
        [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
    return selectors.flatMap((selector) => [...document.querySelectorAll(selector)]
        .filter((element) => hasText(element) && contrast(element) < 4.5)
        .map((element) => `${selector} ${contrast(element).toFixed(2)}: ${element.textContent.trim().slice(0, 40)}`));
}
