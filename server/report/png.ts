/** SVG → PNG by resvg (WebAssembly, MPL-2.0) with Inter embedded (OFL-1.1): no font of the machine is asked for. */
import { initWasm, Resvg } from '@resvg/resvg-wasm';
import resvgWasm from '@resvg/resvg-wasm/index_bg.wasm';
import interRegular from './font/Inter-Regular.ttf';
import interSemiBold from './font/Inter-SemiBold.ttf';

let ready: Promise<void> | undefined;

/**
 * @param scale pixels a unit of the SVG
 * @throws Error when the SVG is not well-formed
 */
export async function renderPng(svg: string, scale = 2): Promise<Uint8Array> {
  ready ??= initWasm(Uint8Array.from(resvgWasm));
  await ready;
  const drawing = new Resvg(svg, {
    fitTo: { mode: 'zoom', value: scale },
    font: {
      fontBuffers: [interRegular, interSemiBold],
      defaultFontFamily: 'Inter',
      sansSerifFamily: 'Inter',
    },
  });
  try {
    const image = drawing.render();
    try {
      return image.asPng();
    } finally {
      image.free();
    }
  } finally {
    drawing.free();
  }
}
