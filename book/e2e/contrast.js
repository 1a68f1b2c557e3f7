// The contrast between text and its background, according to the Web Content Accessibility Guidelines.

/**
 * Returns the elements that are hard to see: `texts` with a contrast below 4.5:1, and `shapes`
 * below 3:1. This runs in the page, so it contains everything that it needs.
 */
export function lowContrasts({ texts = [], shapes = [] }) {
    const canvas = Object.assign(document.createElement('canvas'), { width: 1, height: 1 });
    const paint = canvas.getContext('2d', { willReadFrequently: true });

    // Red, green, and blue of the layers, painted one over the other on the white of an empty window.
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

    // Compared with the element's background; in a plot that can be the band of noise.
    function contrast(element, paints) {
        const ground = [];
        let opacity = 1;
        for (let at = element; at; at = at.parentElement) {
            const style = getComputedStyle(at);
            ground.unshift({ color: style.backgroundColor, opacity: 1 });
            opacity *= style.opacity;
        }
        const band = element.closest('svg')?.querySelector('.noise');
        if (band && overlap(element, band)) ground.push({ color: getComputedStyle(band).fill, opacity: 1 });
        const below = luminance(mixed(ground));
        return Math.max(...paints.map((color) => {
            const above = luminance(mixed([...ground, { color, opacity }]));
            return (Math.max(below, above) + 0.05) / (Math.min(below, above) + 0.05);
        }));
    }

    function overlap(...elements) {
        const [one, other] = elements.map((element) => element.getBoundingClientRect());
        return one.left < other.right && other.left < one.right && one.top < other.bottom && other.top < one.bottom;
    }

    function ofText(element) {
        const { color, fill } = getComputedStyle(element);
        return contrast(element, [element instanceof SVGElement ? fill : color]);
    }

    // A shape is visible if its inside or its edge is.
    function ofShape(element) {
        const { fill, stroke } = getComputedStyle(element);
        return contrast(element, [fill, stroke].filter((paint) => paint !== 'none'));
    }

    const hasText = (element) =>
        [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
    const words = (element) => (element.textContent.trim() || element.parentElement.textContent.trim()).slice(0, 40);
    const found = (selectors, counts, contrastOf, least) => selectors.flatMap((selector) =>
        [...document.querySelectorAll(selector)]
            .filter((element) => counts(element) && contrastOf(element) < least)
            .map((element) => `${selector} ${contrastOf(element).toFixed(2)}: ${words(element)}`));
    return [...found(texts, hasText, ofText, 4.5), ...found(shapes, () => true, ofShape, 3)];
}

/**
 * Of the texts in `main` that have the same contrast, returns one: same color and size, on the same
 * background. This runs in the page, so it contains everything that it needs.
 */
export function oneOfEachLook() {
    const grounds = new Map();
    function groundOf(element) {
        if (!element) return '';
        if (!grounds.has(element)) {
            const { backgroundColor, backgroundImage, opacity } = getComputedStyle(element);
            grounds.set(element, [groundOf(element.parentElement), backgroundColor, backgroundImage, opacity].join());
        }
        return grounds.get(element);
    }
    function lookOf(element) {
        const { color, fill, fontSize, fontWeight, textDecoration, textShadow } = getComputedStyle(element);
        // A link is compared with the text around it.
        const around = getComputedStyle(element.parentElement).color;
        const look = [element.localName, color, fill, fontSize, fontWeight, textDecoration, textShadow, around];
        return [...look, groundOf(element)].join();
    }
    const hasText = (element) =>
        [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
    const texts = [...document.querySelectorAll('main *')].filter(hasText);
    return [...new Map(texts.map((element) => [lookOf(element), element])).values()];
}
