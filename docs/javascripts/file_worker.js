// Search from a disk: browsers start no worker from a file, so the search runs in a hidden frame instead.
class FileWorker extends EventTarget {
  constructor(url) {
    super()
    const frame = document.createElement("iframe")
    frame.hidden = true
    frame.title = "search"
    document.body.appendChild(frame)
    this.inner = frame.contentWindow
    this.inner.postMessage = data => {
      const event = new MessageEvent("message", { data })
      this.dispatchEvent(event)
      if (this.onmessage) this.onmessage(event)
    }
    const load = source => new Promise((resolve, reject) => {
      const script = this.inner.document.createElement("script")
      script.src = source
      script.onload = resolve
      script.onerror = reject
      this.inner.document.body.appendChild(script)
    })
    this.inner.importScripts = (...sources) =>
      sources.reduce((done, source) => done.then(() => load(source)), Promise.resolve())
    this.ready = load(url)
  }
  postMessage(data) {
    this.ready.then(() => this.inner.dispatchEvent(new MessageEvent("message", { data })))
  }
  terminate() {}
}
if (location.protocol === "file:") window.Worker = FileWorker
