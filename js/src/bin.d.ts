/** The model of placeholders, in base64: the build inserts the file. */
declare module "*.bin" {
  const text: string;
  export default text;
}
