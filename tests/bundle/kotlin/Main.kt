// Calls the generated classes of a model in floats and of one in int8; prints what they say of each row.
import android.content.Context

fun main(arguments: Array<String>) {
    val x = arguments.map { it.toFloat() }.toFloatArray()
    val ids = longArrayOf(3, 7)
    edge.floats.Classifier(Context()).use { classifier ->
        val found = classifier.classify(x, ids)
        println("${found.label}\t${found.confidence}\t${found.probabilities.joinToString("\t")}")
        println(runCatching { classifier.classify(x, longArrayOf(3)) }.exceptionOrNull()?.message)
    }
    edge.integers.Classifier(Context()).use { classifier ->
        val found = classifier.classify(edge.integers.Classifier.x(x), ids)
        println("${found.label}\t${found.confidence}\t${found.probabilities.joinToString("\t")}")
    }
}
