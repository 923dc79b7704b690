// The part of Android that the generated class uses, so that it can be compiled and run on a desktop.
package android.content

import java.io.InputStream

class AssetManager {
    fun open(name: String): InputStream = name.encodeToByteArray().inputStream()
}

class Context {
    val assets = AssetManager()
}
