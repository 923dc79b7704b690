// The part of LiteRT's interpreter that the generated class uses; its model gives the input "x" back as "logits".
package org.tensorflow.lite

import java.nio.ByteBuffer
import java.nio.ByteOrder

class Interpreter(model: ByteBuffer) : AutoCloseable {
    init {
        require(model.isDirect && model.position() == 0 && model.order() == ByteOrder.nativeOrder())
    }

    fun runSignature(inputs: Map<String, Any>, outputs: Map<String, Any>) {
        val given = inputs.getValue("x") as ByteBuffer
        require(given.isDirect && given.position() == 0 && given.order() == ByteOrder.nativeOrder())
        require((inputs.getValue("ids") as ByteBuffer).getLong(8) == 7L)
        when (val row = (outputs.getValue("logits") as Array<*>).single()) {
            is FloatArray -> row.indices.forEach { row[it] = given.getFloat(4 * it) }
            is ByteArray -> row.indices.forEach { row[it] = given.get(it) }
            else -> error("neither floats nor bytes")
        }
    }

    override fun close() = println("closed")
}
